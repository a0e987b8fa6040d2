module torghut/pause

go 1.24.0
