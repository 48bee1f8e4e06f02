-- Sets the passwords of the three roles from the environment of psql, for docker-compose.yml. They are in no command line.
\getenv migrator MIGRATOR_PASSWORD
\getenv api API_PASSWORD
\getenv worker WORKER_PASSWORD
alter role rollcall_migrator password :'migrator';
alter role rollcall_api password :'api';
alter role rollcall_worker password :'worker';
