"""`suture load --bulk`: files to rows in parallel processes.

`cutting` divides files into tasks, `worker` is one process, `intake` decides what of a task goes in, `leading` runs
the load, `command` is the face to the user.
"""
