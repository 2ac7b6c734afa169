"""The Dashboard: server-rendered pages for administrators."""
