package dev.braid.spark;

import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives tests one session on {@code local[2]}, started by the first and stopped after the last. It interprets its plans: where
 * rows are few, compiling them takes longer than the run.
 */
public final class SharedSpark implements ParameterResolver {
    private static final String CODEGEN = "spark.sql.codegen.factoryMode";
    /** Whole-stage compilation stays enabled, although nothing is compiled, because column batches depend on it. */
    private static final String INTERPRET = "NO_CODEGEN";

    private record Started(SparkSession session) implements AutoCloseable {
        @Override
        public void close() {
            session.stop();
        }
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == SparkSession.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return context.getRoot()
                .getStore(ExtensionContext.Namespace.GLOBAL)
                .getOrComputeIfAbsent(Started.class, started -> new Started(start()), Started.class)
                .session();
    }

    /** From now on Spark compiles its plans, as it does for users, until {@link #interpretPlans}. */
    public static void compilePlans(SparkSession spark) {
        spark.conf().set(CODEGEN, "FALLBACK");
    }

    /** Spark interprets its plans again. */
    public static void interpretPlans(SparkSession spark) {
        spark.conf().set(CODEGEN, INTERPRET);
    }

    static SparkSession start() {
        return SparkSession.builder()
                .master("local[2]")
                .appName("tests")
                .config("spark.ui.enabled", false)
                .config("spark.driver.host", "localhost")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.plugins", FusionPlugin.class.getName())
                .config("spark.sql.shuffle.partitions", 2)
                .config("spark.sql.artifact.isolation.enabled", false)
                .config(CODEGEN, INTERPRET)
                .getOrCreate();
    }
}
