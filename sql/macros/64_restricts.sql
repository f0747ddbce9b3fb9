/* restricts(action): whether a step acts on the content, so that its account is owed a statement of reasons. */
create or replace macro core.restricts(action) as action in ('takedown', 'restrict', 'label');
