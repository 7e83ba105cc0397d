# sqlite3 makes tables, indexes, transactions and answers.
# shell: both
# needs: sqlite3
sqlite3 db 'create table t(a integer primary key, b text); insert into t(b) values("x"),("y"),(null); select * from t; select count(*), max(a) from t;'
sqlite3 db 'select b from t where a=2'
sqlite3 -header -csv db 'select * from t order by a desc'
sqlite3 db 'begin; delete from t; rollback; select count(*) from t'
printf 'create table n(i);\nwith recursive c(i) as (select 1 union all select i+1 from c where i<1000) insert into n select i from c;\nselect sum(i) from n;\n.tables\n' | sqlite3 db
sqlite3 db 'select nope' 2>/dev/null; echo $?
sqlite3 :memory: "select sqlite_version() > '3', upper('a'), round(2.567,1), date(0,'unixepoch'), json_extract('{\"a\":5}','\$.a')"
sqlite3 db 'pragma integrity_check'
sqlite3 -json db 'select a from t limit 1'
sqlite3 db .dump | grep -c INSERT
printf '1,2\n3,4\n' >c.csv
sqlite3 db '.mode csv' '.import c.csv imp' 'select count(*) from imp' 2>/dev/null
ls
