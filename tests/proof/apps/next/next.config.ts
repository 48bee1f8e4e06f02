import type { NextConfig } from "next";

/** As create-next-app makes it. */
const config: NextConfig = { cacheComponents: true, partialPrefetching: true };

export default config;
