"""Taking out of texts what should not leave: credentials, and who and where people are. Pure.

secrets.py   credentials: forms of known providers, keys in PEM, passwords in URLs, what stands behind a key-like name
names.py     home directories, user and host names, e-mail addresses
cleaning.py  both over texts and JSON values, counted

Rule: the same text gives the same result, whatever stands around it, so that what is cleaned twice, or comes twice,
stays one. What is cut is marked with its kind; what is left is left byte for byte.
"""
