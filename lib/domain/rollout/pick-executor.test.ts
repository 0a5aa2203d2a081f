import { expect, it } from "vitest";
import { pickExecutor } from "./pick-executor";

const place = { service: "payments", environment: "production" };
const executor = (name: string, servicePattern: string, environmentPattern: string) => ({ name, servicePattern, environmentPattern });

it.each([
  ["nobody", [], null],
  ["nobody who covers it", [executor("a", "orders", "*"), executor("b", "*", "staging"), executor("c", "pay", "*")], null],
  ["the only one", [executor("a", "*", "*")], "a"],
  ["a name before a pattern", [executor("a", "pay*", "*"), executor("b", "payments", "*")], "b"],
  ["both names before one", [executor("a", "payments", "*"), executor("b", "payments", "production")], "b"],
  ["the service's name before the environment's", [executor("a", "*", "production"), executor("b", "payments", "*")], "b"],
  ["two names before one, even with a longer pattern beside it", [executor("a", "payments", "productio*"), executor("b", "payments", "production")], "b"],
  ["more letters before fewer", [executor("a", "p*", "*"), executor("b", "pay*", "*")], "b"],
  ["the environment when services are alike", [executor("a", "*", "*"), executor("b", "*", "prod*")], "b"],
  ["the first name when all is alike", [executor("b", "*", "*"), executor("a", "*", "*")], "a"],
])("takes %s", (_, executors, name) => {
  expect(pickExecutor(executors, place)?.name ?? null).toBe(name);
  expect(pickExecutor(executors.toReversed(), place)?.name ?? null).toBe(name);
});
