/* Run once, when the volume is new: the database of DuckLake's catalog, beside Airflow's own. */
create database carlos_catalog;
