"""For programs that are to die at a step: `die_at(step)`, in the names that these programs import."""

DIE_AT = """
def die_at(step):
    '''Every statement the database is given and every call that changes the disk is a step.'''
    left = step
    def count(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def counted(function):
        def call(*arguments, **options):
            count()
            return function(*arguments, **options)
        return call
    connect = sqlite3.connect
    def traced(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(count)
        return connection
    sqlite3.connect = traced
    for name in ("fsync", "rename", "replace", "link", "unlink", "rmdir", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    faiss.write_index = counted(faiss.write_index)

"""
