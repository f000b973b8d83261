"""Reports: what is known of a period becomes one `Report` of typed cells, and that becomes files.

`material` says what a report is made from, `monthly` and its neighbours make the document, `formats` write it.
"""
