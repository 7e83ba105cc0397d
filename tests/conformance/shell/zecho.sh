#!/bin/sh
# Prints its arguments with a space between, whatever they are: what the suites' zecho.c does.
space=
for word; do
  printf '%s%s' "$space" "$word"
  space=' '
done
printf '\n'
