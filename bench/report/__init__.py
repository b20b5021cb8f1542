"""Pure: finished trials in, text and bytes out. Whoever calls writes the files.

``rows.summary_csv``, ``html.render_html``, ``markdown.render_markdown``, ``figures.figures``, ``terminal.print_table``.
"""
