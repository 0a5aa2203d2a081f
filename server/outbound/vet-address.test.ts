import { describe, expect, it } from "vitest";
import { allowsAddress, allowsHost, parseOutboundAllow, vetAddress } from "./vet-address";

describe("vetAddress", () => {
  it.each([
    ["0.0.0.0", "this host"],
    ["0.1.2.3", "this host"],
    ["10.0.0.1", "a private network"],
    ["10.255.255.255", "a private network"],
    ["100.64.0.1", "a carrier's shared network"],
    ["100.100.100.200", "a carrier's shared network"],
    ["100.127.255.255", "a carrier's shared network"],
    ["127.0.0.1", "the loopback"],
    ["127.255.255.254", "the loopback"],
    ["169.254.169.254", "link-local, where clouds keep their metadata"],
    ["169.254.170.2", "link-local, where clouds keep their metadata"],
    ["168.63.129.16", "the metadata service of a cloud"],
    ["172.16.0.1", "a private network"],
    ["172.31.255.255", "a private network"],
    ["192.0.0.192", "reserved for protocols"],
    ["192.0.2.1", "documentation"],
    ["192.88.99.1", "a relay of 6to4"],
    ["192.168.1.1", "a private network"],
    ["198.18.0.1", "a benchmark network"],
    ["198.19.255.255", "a benchmark network"],
    ["198.51.100.7", "documentation"],
    ["203.0.113.7", "documentation"],
    ["224.0.0.1", "multicast"],
    ["239.255.255.250", "multicast"],
    ["240.0.0.1", "reserved"],
    ["255.255.255.255", "reserved"],
    ["::", "this host"],
    ["::1", "the loopback"],
    ["0:0:0:0:0:0:0:1", "the loopback"],
    ["::ffff:127.0.0.1", "an IPv4 address written as IPv6"],
    ["::ffff:7f00:1", "an IPv4 address written as IPv6"],
    ["::ffff:8.8.8.8", "an IPv4 address written as IPv6"],
    ["0:0:0:0:0:ffff:a00:1", "an IPv4 address written as IPv6"],
    ["::127.0.0.1", "not on the public internet"],
    ["64:ff9b::7f00:1", "not on the public internet"],
    ["64:ff9b:1::a00:1", "not on the public internet"],
    ["100::1", "not on the public internet"],
    ["fc00::1", "a private network"],
    ["fd00:ec2::254", "a private network"],
    ["fe80::1", "link-local"],
    ["fe80::1%eth0", "link-local"],
    ["febf::1", "link-local"],
    ["fec0::1", "site-local"],
    ["ff02::1", "multicast"],
    ["2001::1", "reserved for protocols, tunnels among them"],
    ["2001:db8::1", "documentation"],
    ["2002:7f00:1::", "an IPv4 address inside a tunnel"],
    ["3fff::1", "documentation"],
    ["4000::1", "not on the public internet"],
    ["", "no address"],
    ["localhost", "no address"],
    ["127.1", "no address"],
    ["2130706433", "no address"],
    ["0x7f000001", "no address"],
    ["0177.0.0.1", "no address"],
    ["127.0.0.1.", "no address"],
    ["[::1]", "no address"],
  ])("refuses %s: %s", (address, what) => {
    expect(vetAddress(address)).toBe(what);
  });

  it.each(["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888"])("lets %s be", (address) => {
    expect(vetAddress(address)).toBeNull();
  });
});

describe("the allow-list", () => {
  const allow = parseOutboundAllow(" Hooks.corp.example , mail.corp.example:587,10.1.0.0/16, 192.168.7.7:8443,[fd00::/8]:443, ::1 ,[fd12::1]");

  it.each([
    ["hooks.corp.example", 443, true],
    ["HOOKS.corp.example", 80, true],
    ["hooks.corp.example.", 80, true],
    ["evil.hooks.corp.example", 443, false],
    ["mail.corp.example", 587, true],
    ["mail.corp.example", 25, false],
    ["10.1.0.1", 443, false],
  ])("names the host %s:%i: %s", (host, port, expected) => {
    expect(allowsHost(allow, host, port)).toBe(expected);
  });

  it.each([
    ["10.1.255.255", 1, true],
    ["10.2.0.0", 1, false],
    ["192.168.7.7", 8443, true],
    ["192.168.7.7", 443, false],
    ["192.168.7.8", 8443, false],
    ["fd34::1", 443, true],
    ["fd34::1", 80, false],
    ["::1", 9, true],
    ["fd12::1", 9, true],
    ["::ffff:10.1.0.1", 1, false],
    ["mail.corp.example", 587, false],
  ])("names the address %s:%i: %s", (address, port, expected) => {
    expect(allowsAddress(allow, address, port)).toBe(expected);
  });

  it("may be empty", () => {
    expect(parseOutboundAllow(" , ")).toEqual([]);
  });

  it.each(["10.0.0.0/33", "fd00::/129", "10.0.0.0/", "a b", "http://x", "x:0", "x:70000", "x:", "*", "x/8", "127.1", "2130706433", "0x7f000001", "[x]", "[::1", "10.0.0.0/8/8"])("refuses %s", (entry) => {
    expect(() => parseOutboundAllow(entry)).toThrow(entry);
  });
});
