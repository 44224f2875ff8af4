create table notes (id bigint generated always as identity primary key, text text not null);
insert into notes (text) select repeat('a note ', 20) || n from generate_series(1, 20) n;
