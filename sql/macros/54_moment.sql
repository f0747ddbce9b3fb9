/* moment(given): a time that a stranger wrote, as a timestamptz; null where it is none, or not of the years 2000 to 9999:
   "infinity", and years before LoRAs or after all, are no times of anything here, and programs that read them fail. */
create or replace macro core.moment(given) as
    case
        when try_cast(given as timestamptz) >= '2000-01-01 00:00:00+00'::timestamptz
            and try_cast(given as timestamptz) < '9999-12-31 00:00:00+00'::timestamptz
            then try_cast(given as timestamptz)
    end;
