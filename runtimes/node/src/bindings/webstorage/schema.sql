-- The tables of a storage file, as Node has them: a file that one wrote, the other reads.
PRAGMA encoding = 'UTF-16le';
PRAGMA busy_timeout = 3000;
PRAGMA synchronous = NORMAL;
PRAGMA temp_store = memory;
CREATE TABLE IF NOT EXISTS nodejs_webstorage(
  key BLOB NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY(key)
) STRICT;
CREATE TABLE IF NOT EXISTS nodejs_webstorage_state(
  max_size INTEGER NOT NULL DEFAULT 10485760,
  total_size INTEGER NOT NULL,
  schema_version INTEGER NOT NULL DEFAULT 0,
  single_row_ INTEGER NOT NULL DEFAULT 1 CHECK(single_row_ = 1),
  PRIMARY KEY(single_row_)
) STRICT;
CREATE TRIGGER IF NOT EXISTS nodejs_quota_insert AFTER INSERT ON nodejs_webstorage FOR EACH ROW BEGIN
  UPDATE nodejs_webstorage_state SET total_size = total_size + OCTET_LENGTH(NEW.key) + OCTET_LENGTH(NEW.value);
  SELECT RAISE(ABORT, 'QuotaExceeded') WHERE EXISTS (SELECT 1 FROM nodejs_webstorage_state WHERE total_size > max_size);
END;
CREATE TRIGGER IF NOT EXISTS nodejs_quota_update AFTER UPDATE ON nodejs_webstorage FOR EACH ROW BEGIN
  UPDATE nodejs_webstorage_state SET total_size = total_size
    + (OCTET_LENGTH(NEW.key) + OCTET_LENGTH(NEW.value)) - (OCTET_LENGTH(OLD.key) + OCTET_LENGTH(OLD.value));
  SELECT RAISE(ABORT, 'QuotaExceeded') WHERE EXISTS (SELECT 1 FROM nodejs_webstorage_state WHERE total_size > max_size);
END;
CREATE TRIGGER IF NOT EXISTS nodejs_quota_delete AFTER DELETE ON nodejs_webstorage FOR EACH ROW BEGIN
  UPDATE nodejs_webstorage_state SET total_size = total_size - (OCTET_LENGTH(OLD.key) + OCTET_LENGTH(OLD.value));
END;
INSERT OR IGNORE INTO nodejs_webstorage_state (total_size) VALUES (0);
