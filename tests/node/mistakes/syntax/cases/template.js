const text = `not closed ${1
