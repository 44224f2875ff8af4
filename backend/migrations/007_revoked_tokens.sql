-- Ids (jti) of bearer tokens that are good no longer, though they have not expired. Written by `make api-token REVOKE=`.
create table revoked_tokens (
  id text primary key check (length(id) between 1 and 100),
  revoked_at timestamptz not null default now()
);
