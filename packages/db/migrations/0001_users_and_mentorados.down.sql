-- Both tables belong to the app and hold people's data: taking the migration back leaves them as they are.
select;
