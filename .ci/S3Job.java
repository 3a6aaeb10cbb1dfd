package dev.braid.job;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** A user's own job, for .ci/faults: reads a table, writes its rows to another, and prints how many the two have. */
public final class S3Job {
    private S3Job() {}

    public static void main(String[] arguments) throws Exception {
        try (SparkSession spark = SparkSession.builder().getOrCreate()) {
            Dataset<Row> rows = spark.read().parquet(arguments[0]);
            long found = rows.count();
            rows.write().parquet(arguments[1]);
            System.out.println(found + " " + spark.read().parquet(arguments[1]).count());
        }
    }
}
