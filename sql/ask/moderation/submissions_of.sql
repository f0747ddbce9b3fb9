/* What was sent of a month ($month) to the transparency database. Grain: one row per number; puids: the statements whose
   newest file it is. */
select file.number, file.state, file.sha256, file.submitted_at, list(statement.puid) as puids
from mart.submission as file
left join mart.statement_submission as statement using (month, number)
where file.month = $month
group by all
order by file.number;
