"""What remembers: numbered SQL, each applied once (`service/storage/migrations.py`). `schema.sql` is their sum."""
