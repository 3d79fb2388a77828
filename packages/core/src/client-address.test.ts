import { expect, test } from "vitest";
import { clientAddressKey } from "./client-address.ts";

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["::ffff:c000:207", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64"],
  ["2001:db8:1:3::", "2001:db8:1:3::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
])("%s is limited as %s", (address, key) => {
  expect(clientAddressKey(address)).toBe(key);
});

test.each(["", "unknown", "192.0.2.7:443", "example.org", "192.0.2.256", "2001:db8::/32", "::1, 192.0.2.7"])(
  "%j is no address",
  (text) => {
    expect(clientAddressKey(text)).toBe("unknown");
  },
);
