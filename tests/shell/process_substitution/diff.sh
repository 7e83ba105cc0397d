# diff <(seq 3) <(seq 4) shows the added line and ends with 1.
# shell: bash
diff <(seq 3) <(seq 4)
