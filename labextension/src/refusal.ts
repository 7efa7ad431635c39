/** What is wrong, and what to do, for the user to read. */
export class Refusal extends Error {}
