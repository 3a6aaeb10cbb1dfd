package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.plan.Schedule;
import java.util.Locale;
import java.util.OptionalInt;

/**
 * The time and the cost of a fusion, as text.
 *
 * @param local whether only this machine computes
 * @param instances the number of executors, used if there is no deadline
 * @param until the deadline; null if there is none
 * @param price of a core-hour; null if none is given
 */
record ScheduleReport(Schedule schedule, Rate rate, boolean local, int instances, Deadline until, Double price) {

    @Override
    public String toString() {
        TextTable report = TextTable.plain()
                .add("rate", rate.toString())
                .add("work", String.format(Locale.ROOT, "%s of one slot", hours(schedule.slotHours())));
        int executors = instances;
        if (until != null && !local) {
            OptionalInt enough = schedule.executors(until.left());
            if (enough.isEmpty()) {
                return report.add(
                                "executors",
                                String.format(
                                        Locale.ROOT,
                                        "no number finishes by '%s': %,d row groups keep no more slots busy, which take %s;"
                                                + " write smaller row groups",
                                        until.text(),
                                        schedule.mostTasks(),
                                        hours(schedule.slotHours() / schedule.mostTasks())))
                        .toString();
            }
            executors = enough.getAsInt();
        }
        report.add(
                local ? "time" : "executors",
                (local ? "" : String.format(Locale.ROOT, "%,d of %d cores: ", executors, schedule.cores()))
                        + hours(schedule.hours(executors))
                        + (until == null ? "" : deadline(executors)));
        double coreHours = schedule.coreHours(executors);
        String cost = price == null
                ? ""
                : String.format(Locale.ROOT, "%,.2f at %s a core-hour, ", coreHours * price, Numbers.brief(price));
        return report.add("cost", cost + String.format(Locale.ROOT, "%,.1f core-hours", coreHours))
                .toString();
    }

    private String deadline(int executors) {
        boolean inTime = schedule.hours(executors) * 3600 <= until.left().toMillis() / 1e3;
        return (inTime ? ", in time for '" : ", too late for '") + until.text() + "'";
    }

    private static String hours(double hours) {
        return hours >= 1
                ? String.format(Locale.ROOT, "%,.1f hours", hours)
                : String.format(Locale.ROOT, "%.1f minutes", 60 * hours);
    }
}
