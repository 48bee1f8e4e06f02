/** React: a provider that makes the profile before the first query, and what a page shows meanwhile. */
export {};
