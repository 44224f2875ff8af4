create type tone as enum ('plain', 'loud');
create table notes (id bigint generated always as identity primary key, text text not null, tone tone not null default 'plain');
insert into notes (text) select repeat('a note ', 20) || n from generate_series(1, 20) n;
