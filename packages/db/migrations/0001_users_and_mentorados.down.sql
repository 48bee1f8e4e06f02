-- Both tables belong to the app and hold personal data, so they stay as they are.
select;
