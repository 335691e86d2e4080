#!/bin/sh
# Makes both databases and their roles when PostgreSQL starts for the first time; its image runs this.
set -eu
psql --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
    --set prefect="$(cat /run/secrets/prefect_password)" --set pairsift="$(cat /run/secrets/pairsift_password)" <<'SQL'
CREATE ROLE prefect LOGIN PASSWORD :'prefect';
CREATE ROLE pairsift LOGIN PASSWORD :'pairsift';
CREATE DATABASE prefect OWNER prefect;
CREATE DATABASE pairsift OWNER pairsift;
\connect prefect
CREATE EXTENSION pg_trgm;
SQL
