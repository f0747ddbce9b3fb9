"""The local stack: an S3 server and Airflow on loopback, for `make demo`, `make up` and the end-to-end tests.

    layout.py         where its files lie, and what is remembered between `up` and `down`
    processes.py      start processes, and end exactly those
    s3_server.py      the S3 server
    airflow_local.py  Airflow's settings, database and processes
    preloaded.py      what Airflow's workers have imported before their first task
    api.py            the few calls of Airflow's REST API that are needed
    follow.py         show runs on the terminal until they end
    stack.py          all of it up, all of it down
    demo.py           the nightly index over the micro world's zoo, and its report
    hand.py           up, down, status
    local.py          lets `carlos` read the lake that the stack left behind

Nothing here is needed in production: there the same DAGs run under the deployment's own Airflow (docker/).
"""
