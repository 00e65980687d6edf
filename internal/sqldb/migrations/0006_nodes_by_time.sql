-- Every transaction counts the other nodes that have written within the last seconds.
-- There is a row for each boot of a week: without this, restarts would make commits dear.
CREATE INDEX keyval_nodes_by_time ON keyval_nodes(time, boot_id);
