import { describe, expect, it } from "vitest";
import { makeWebhookSecret, readWebhookSecret, signWebhook } from "./standard-webhook";

describe("signWebhook", () => {
  // From the specification's own reference libraries.
  const known = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: '{"test": 2432232314}' };

  it.each(["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])("makes the known signature with %s", (secret) => {
    expect(signWebhook({ ...known, secret })).toEqual({
      "webhook-id": known.id,
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  it("refuses a secret that is none", () => {
    expect(() => signWebhook({ ...known, secret: "whsec_short" })).toThrow(RangeError);
  });
});

describe("readWebhookSecret", () => {
  it("reads what was made, another one each time", () => {
    const [one, two] = [makeWebhookSecret(), makeWebhookSecret()];
    expect(readWebhookSecret(one)).toHaveLength(32);
    expect(one).not.toBe(two);
  });

  it.each([
    [24, true],
    [64, true],
    [23, false],
    [65, false],
    [0, false],
  ])("%i bytes: %s", (bytes, readable) => {
    expect(readWebhookSecret(`whsec_${Buffer.alloc(bytes, 7).toString("base64")}`) !== null).toBe(readable);
  });

  it.each(["whsec_not base64 not base64 not base64 nn", "whsec_****************************************"])("refuses %s", (text) => {
    expect(readWebhookSecret(text)).toBeNull();
  });
});
