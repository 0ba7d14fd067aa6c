//! `matchwatch serve`, as the process that operators run, against a simulated service.

mod access;
mod accounts;
mod adversity;
mod alarm_ends;
mod alarms;
mod discovery;
mod disk;
mod id_mapping;
mod lists;
mod pages;
mod quality;
mod reload;
mod restart;
mod secrets;
mod start;
mod stop;
mod telling;
mod trouble;
