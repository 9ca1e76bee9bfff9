"""Stories of bytes in files, logs and objects."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="csv-encoding",
        title="Umlauts broken in imported bank statements",
        source="factory-droid",
        model="gpt-5-codex",
        project="ledger-api",
        days_ago=25.3,
        turns=(
            user(
                "Imported statements show 'MÃ¼ller GmbH' for some banks and 'M�ller' for others. Importer is app/imports/csv_reader.py"
            ),
            agent(
                "Those are two different faults. `Ã¼` is UTF-8 that was read as Latin-1; `�` is Latin-1 (or cp1252) that was read as UTF-8 with errors replaced. I'll check how the file is opened.",
                call("Read", file_path="/home/dev/projects/ledger-api/app/imports/csv_reader.py"),
            ),
            got(
                "def read_rows(path, bank):\n    encoding = 'latin-1' if bank in OLD_BANKS else 'utf-8'\n    with open(path, encoding=encoding, errors='replace') as f:\n        yield from csv.DictReader(f, delimiter=';')"
            ),
            agent(
                "The encoding is guessed from the bank's name, and banks change. Decide from the bytes: a UTF-8 byte order mark means `utf-8-sig`; valid UTF-8 is UTF-8 (text in cp1252 with umlauts is practically never valid UTF-8); anything else is cp1252. No `errors='replace'`, which destroys the data for good.",
                call(
                    "Edit",
                    file_path="/home/dev/projects/ledger-api/app/imports/csv_reader.py",
                    old_str="encoding = 'latin-1' if bank in OLD_BANKS else 'utf-8'",
                    new_str="encoding = detect_encoding(path.read_bytes())",
                ),
                call("Execute", command="pytest tests/imports -q"),
            ),
            failed(
                "FAILED tests/imports/test_csv.py::test_first_column - KeyError: 'Buchungstag'\nkeys: ['\\ufeffBuchungstag', 'Betrag']"
            ),
            agent(
                "That test file starts with a byte order mark, and the mark became part of the first column's name: `detect_encoding` checked for valid UTF-8 before it checked for the mark. Order swapped.",
                call(
                    "Execute",
                    command="sed -i 's/DETECTORS = (utf8, bom, cp1252)/DETECTORS = (bom, utf8, cp1252)/' app/imports/encoding.py && pytest tests/imports -q",
                ),
            ),
            got("19 passed in 0.84s"),
            user("and the rows that are already broken in the db?"),
            agent(
                "The first kind can be repaired without loss: encode as cp1252, decode as UTF-8, and keep the result only when that works. The second kind lost its bytes; those need a new import, for which we have the original files.",
                call("Execute", command="python -m scripts.repair_mojibake --dry-run"),
            ),
            got(
                "repairable: 1,204 rows in 31 imports\nlost (contain U+FFFD): 88 rows in 3 imports: 2291, 2304, 2310"
            ),
            agent(
                "1,204 rows can be repaired in place and 3 imports (88 rows) have to be read again. The script runs in one transaction; start it with `--apply` when you are ready."
            ),
        ),
    ),
    Story(
        key="s3-multipart",
        title="Uploads above 5 GB fail and parts pile up in the bucket",
        source="opencode",
        model="claude-sonnet-4-5",
        project="atlas-search",
        days_ago=10.2,
        turns=(
            user(
                "Index backups fail since they passed 5 GB: `EntityTooLarge: Your proposed upload exceeds the maximum allowed size`. And the bucket is billed for 900 GB, `aws s3 ls` shows only 210."
            ),
            agent(
                "A single PUT ends at 5 GB, larger objects need a multipart upload. The missing 690 GB are probably parts of multipart uploads that were never completed: they are billed and do not show in a listing.",
                call(
                    "bash",
                    command="aws s3api list-multipart-uploads --bucket atlas-backups --query 'length(Uploads)'",
                ),
                call("grep", pattern="put_object|upload_file|create_multipart", path="atlas/backup"),
            ),
            got(
                "137",
                "atlas/backup/upload.py:28: client.put_object(Bucket=bucket, Key=key, Body=stream)\natlas/backup/legacy.py:55: client.create_multipart_upload(Bucket=bucket, Key=key)",
            ),
            agent(
                "137 unfinished uploads, left by `legacy.py`, which never aborts after an error. Plan: `upload_fileobj` (it switches to parts by itself, in parallel, with retries, and aborts on failure), and a lifecycle rule that clears parts after two days whatever happens.",
                call(
                    "edit",
                    filePath="/home/dev/projects/atlas-search/atlas/backup/upload.py",
                    oldString="client.put_object(Bucket=bucket, Key=key, Body=stream)",
                    newString="client.upload_fileobj(stream, bucket, key, Config=TransferConfig(multipart_chunksize=64 * MB, max_concurrency=4))",
                ),
                call("bash", command="python -m atlas.backup --to s3://atlas-backups-test --size 61GB"),
            ),
            failed(
                "botocore.exceptions.ClientError: An error occurred (InvalidArgument) when calling the UploadPart operation: Part number must be an integer between 1 and 10000, inclusive"
            ),
            agent(
                "The stream has no known length, so the transfer manager cannot size its parts; a pipe that goes on after 10,000 parts fails. 61 GB in 64 MB parts would be 976, so something made the parts smaller: the compressor writes 5 MB blocks and our wrapper's `read(n)` returns short. It must fill `n` unless the stream is at its end.",
                call(
                    "edit",
                    filePath="/home/dev/projects/atlas-search/atlas/backup/stream.py",
                    oldString="return self.pipe.read1(n)",
                    newString="return self.pipe.read(n)  # whole parts: read1 returns one block, and S3 takes 10,000 parts at most",
                ),
                call(
                    "bash",
                    command="python -m atlas.backup --to s3://atlas-backups-test --size 61GB && aws s3api put-bucket-lifecycle-configuration --bucket atlas-backups --lifecycle-configuration file://infra/abort-incomplete.json",
                ),
            ),
            got("Edit applied successfully.", "uploaded 61.0 GB in 976 parts, 7m40s, checksum verified"),
            agent(
                "61 GB in 976 parts with a verified checksum. The lifecycle rule `AbortIncompleteMultipartUpload` after 2 days will free the 690 GB by Thursday."
            ),
        ),
    ),
    Story(
        key="wal-panic",
        title="Panic on start after a power cut: torn WAL record",
        source="codex-cli",
        model="gpt-5-codex",
        project="tidepool",
        days_ago=0.05,
        turns=(
            user(
                "tidepool panics on start after a hard power-off: `thread 'main' panicked at src/wal.rs:140: range end index 4096 out of range for slice of length 2931`. It should recover, not die."
            ),
            agent(
                "The last record was cut off in the middle of a write. I'll look at the reader.",
                call("shell", command=["bash", "-lc", "sed -n 128,150p src/wal.rs"]),
            ),
            got(
                "let len = u32::from_le_bytes(buf[at..at + 4].try_into().unwrap()) as usize;\nlet body = &buf[at + 8..at + 8 + len];\nassert_eq!(crc32(body), crc);"
            ),
            agent(
                "It trusts the length before the checksum. Recovery must read as long as records are whole, and treat the first broken one at the *end* of the *last* file as torn: truncate there. A broken record anywhere else is corruption and must stop the start with a clear message, since acknowledged data follows it.",
                call(
                    "apply_patch",
                    input="*** Begin Patch\n*** Update File: src/wal.rs\n-let body = &buf[at + 8..at + 8 + len];\n-assert_eq!(crc32(body), crc);\n+let Some(body) = buf.get(at + 8..at + 8 + len) else { return Ok(Read::Torn(at)) };\n+if crc32(body) != crc { return Ok(Read::Torn(at)); }\n*** End Patch",
                ),
                call("shell", command=["bash", "-lc", "cargo test wal -- --include-ignored"]),
            ),
            failed(
                "test wal::cut_at_every_byte ... FAILED\nthread panicked: cut at byte 8190: recovered 12 records, 13 were acknowledged"
            ),
            agent(
                "The property test cuts the file at every byte. At 8190 an acknowledged record is lost: `append` acknowledges after `flush()`, which only empties our buffer. Durability needs `sync_data()` before the answer.",
                call(
                    "apply_patch",
                    input="*** Begin Patch\n*** Update File: src/wal.rs\n-self.file.flush()?;\n+self.file.flush()?;\n+self.file.get_ref().sync_data()?; // acknowledged means on disk\n*** End Patch",
                ),
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "cargo test wal -- --include-ignored && cargo bench append -- --quick",
                    ],
                ),
            ),
            got("test wal::cut_at_every_byte ... ok\n17 passed\nappend/sync  time: [1.9 ms]  change: +1800%"),
            agent(
                "Recovery holds for a cut at every byte. One append now costs an fsync, 1.9 ms; group commit (one sync for all appends that wait) brings 64 writers back to 0.05 ms each. Shall I do that next?"
            ),
            user("yes, separate commit"),
        ),
    ),
)
