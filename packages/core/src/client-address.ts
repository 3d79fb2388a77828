import ipaddr from "ipaddr.js";

const IPV6_PREFIX_PARTS = 4;

/**
 * The key by which a client address is limited: an IPv4 address (also when written as IPv6), or the /64 of an IPv6 one,
 * since a single host commonly owns all of it.
 */
export function clientAddressKey(address: string): string {
  if (!ipaddr.isValid(address)) return "unknown";
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return `${(parsed as ipaddr.IPv6).parts
    .slice(0, IPV6_PREFIX_PARTS)
    .map((part) => part.toString(16))
    .join(":")}::/64`;
}
