# Aliases. Everything is in bootstrap.py, which also works where there is no make.

.PHONY: demo test check

demo test check:
	@python3 bootstrap.py $@
