/**
 * SQL of the time when the present server began, as a text. Every role may read it.
 *
 * Another value means another server, or one that crashed: after a failover to an asynchronous replica it may lack the last
 * transactions of the server before. What a process remembers from that server, or has put into Redis, may then be of rows
 * that no longer exist, and whose keys may be given again. A timeline of Postgres would tell the same about promotions
 * alone, by functions that some hosts do not have.
 */
export const serverStart = "extract(epoch from pg_postmaster_start_time())::text";
