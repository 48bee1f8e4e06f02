/** The version of every process of this build. A tidy test holds it to the root's package.json. */
export const version = "0.1.0";
