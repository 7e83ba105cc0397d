# trap 'echo T' TERM; kill -TERM $$; echo after prints T and after.
# shell: both
trap 'echo T' TERM; kill -TERM $$; echo after
