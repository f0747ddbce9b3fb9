/* calibration_quantile(name): at which quantile of its corpus the paper's threshold stands. Of the 740 LoRAs that its
   authors published, 21 have Strength > 9.8 and 204 Consistency < 0.041; a profile of another scale takes its own values
   at the same quantiles. Null where the paper has no such threshold. */
create or replace macro core.calibration_quantile(name) as
    case name
        when 'strength_max' then 719.0::double / 740
        when 'consistency_min' then 204.0::double / 740
    end;
