/* exact(x): x (double) rounded to a multiple of 2^-32. Sums of such terms are exact in double arithmetic as long as
   they stay below 2^21, so they do not depend on order, threads or what is computed beside them: the same shards give
   the same representation to the last bit. Sums of plain floats do not. Adding and taking away 1.5 * 2^20 leaves no
   bits below 2^-32; it holds for |x| < 2^19. Resolution 2.3e-10, and 0 stays 0. */
create or replace macro core.exact(x) as (x + 1572864.0::double) - 1572864.0::double;
