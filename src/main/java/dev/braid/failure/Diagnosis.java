package dev.braid.failure;

import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Tells whether a retry of a failed run can help, and what to do before it. Only a known fault of the input or a missing
 * library is permanent; anything else may pass.
 *
 * @param kind what failed
 * @param cause the exception that shows it
 * @param disk for a full disk, what is stored on it ({@link FullDisk}); otherwise empty
 */
public record Diagnosis(Kind kind, String cause, String disk) {
    /** What failed. */
    public enum Kind {
        /** The input: a file, a path, a model or an option. A retry fails in the same way. */
        INPUT,
        /** No library for a codec or a file system that the input, the output or an option names. A retry cannot help. */
        LIBRARY,
        /** Too little heap in a driver or an executor. */
        HEAP,
        /** Too little memory outside the heap. */
        NATIVE_MEMORY,
        /** An executor that was killed from outside, usually because its container or machine had too little memory. */
        CONTAINER,
        /** No free space at the output, in Spark's local directories or for temporary files. */
        DISK_FULL,
        /** Storage, network, lost executors, an interruption. */
        PASSING,
        /** Any other failure. */
        UNKNOWN
    }

    private static final Set<String> MEMORY = Set.of("OutOfMemoryError");
    private static final List<String> HEAP =
            List.of("heap space", "GC overhead", "array size", "UNABLE_TO_ACQUIRE_MEMORY", "Unable to acquire");
    /** How ND4J's messages about missing memory begin. */
    private static final List<String> NATIVE = List.of("Allocation failed: [");

    private static final Pattern HEAP_EXIT = Pattern.compile("exit(ed with)? (code|status):? 52\\b");
    /** SIGKILL is 137, SIGTERM 143. */
    private static final Pattern KILLED = Pattern.compile(
            "(?i)exit(ed with)? (code|status)( is|:)? ?(137|143)\\b|OOMKilled|exceeding (physical |virtual )?memory limits"
                    + "|running (\\S+ )?beyond (the )?'?(physical|virtual)'? memory|possible container OOM");

    private static final Set<String> DISK_TYPES = Set.of(
            "DSQuotaExceededException",
            "NSQuotaExceededException",
            "QuotaExceededException",
            "DiskOutOfSpaceException");
    private static final List<String> DISK =
            List.of("No space left on device", "Disk quota exceeded", "There is not enough space on the disk");

    /** Lists subclasses too, because a text does not name superclasses. */
    private static final Set<String> PASSING_TYPES = Set.of(
            "SocketException",
            "SocketTimeoutException",
            "ConnectException",
            "ConnectTimeoutException",
            "NoRouteToHostException",
            "UnknownHostException",
            "InterruptedIOException",
            "InterruptedException",
            "ClosedChannelException",
            "ClosedByInterruptException",
            "TimeoutException",
            "HttpTimeoutException",
            "SSLException",
            "SSLHandshakeException",
            "NoHttpResponseException",
            "ConnectionClosedException",
            "BlockMissingException",
            "RetriableException",
            "StandbyException",
            "SafeModeException",
            "ServerNotRunningYetException",
            "SdkClientException",
            "AWSServiceThrottledException",
            "AWSServiceIOException",
            "AWSStatus500Exception",
            "FetchFailedException",
            "MetadataFetchFailedException",
            "TaskKilledException",
            "RejectedExecutionException",
            "CancellationException");

    private static final List<String> PASSING = List.of(
            "Filesystem closed",
            "Connection reset",
            "Connection refused",
            "Connection pool shut down",
            "Premature end of Content-Length",
            "Slow Down",
            "SlowDown",
            "Service Unavailable",
            "Internal Server Error",
            "Too Many Requests",
            "Status Code: 500",
            "Status Code: 503",
            "Stale file handle",
            "Could not obtain block",
            "Too many open files",
            "Resource temporarily unavailable",
            "Input/output error",
            "FILE_NOT_EXIST",
            "underlying files have been updated",
            "ExecutorLostFailure",
            "stopped SparkContext",
            "SparkContext was shut down",
            "Shutdown in progress");

    private static final Set<String> INPUT_TYPES = Set.of(
            "InputException",
            "FileNotFoundException",
            "NoSuchFileException",
            "NotDirectoryException",
            "ParentNotDirectoryException",
            "PathIsNotDirectoryException",
            "FileAlreadyExistsException",
            "AccessControlException",
            "AccessDeniedException",
            "ForbiddenException",
            "NotAuthorizedException",
            "ReadOnlyFileSystemException",
            "SparkUpgradeException",
            "URISyntaxException",
            "PatternSyntaxException",
            "UnresolvedPathException",
            "ChecksumException",
            "JsonProcessingException",
            "CharConversionException",
            "CharacterCodingException",
            "EOFException",
            "DataFormatException",
            "ZipException",
            "AnalysisException",
            "IndexOutOfBoundsException",
            "ArrayIndexOutOfBoundsException",
            "StringIndexOutOfBoundsException",
            "NegativeArraySizeException",
            "IllegalArgumentException",
            "NumberFormatException",
            "UnsupportedOperationException",
            "ArithmeticException",
            "ClassCastException",
            "NullPointerException",
            "BufferUnderflowException",
            "NoSuchElementException");
    /** Decoders and decompressors. Their exceptions are about the bytes that they were given. */
    private static final List<String> DECODERS = List.of(
            "org.apache.parquet.",
            "org.apache.spark.sql.",
            "shaded.parquet.",
            "com.github.luben.zstd.",
            "org.xerial.snappy.",
            "io.airlift.compress.",
            "net.jpountz.lz4.");

    /** Clients of the Hive metastore. Not parquet-java's relocated copy of Thrift, which reads footers. */
    private static final List<String> PASSING_PACKAGES = List.of("org.apache.thrift.transport.");

    private static final Set<String> LIBRARY_TYPES =
            Set.of("ClassNotFoundException", "NoClassDefFoundError", "UnsupportedFileSystemException");
    private static final List<String> LIBRARY = List.of("No FileSystem for scheme", "No AbstractFileSystem configured");

    private static final List<String> INPUT = List.of(
            "is not a Parquet file",
            "corrupt",
            "Corrupt",
            "CRC checksum",
            "can not read class org.apache.parquet",
            "cannot be converted",
            "Illegal Parquet type",
            "Unrecognized Parquet type",
            "Unsupported encoding",
            "Illegal file pattern",
            "File name too long",
            "Permission denied",
            "Operation not permitted",
            "Read-only file system",
            "Not a directory",
            "Is a directory",
            "No such file or directory");

    /**
     * Diagnoses {@code failure} by all its causes and suppressed exceptions. Memory, disk and other passing causes come
     * before the input, because they can make a good file look damaged.
     */
    public static Diagnosis of(Throwable failure) {
        List<Cause> all = Cause.all(failure);
        for (Kind kind : List.of(Kind.HEAP, Kind.NATIVE_MEMORY, Kind.CONTAINER, Kind.DISK_FULL, Kind.PASSING)) {
            for (Cause cause : all) {
                if (is(kind, cause)) {
                    return new Diagnosis(kind, cause.toString(), kind == Kind.DISK_FULL ? FullDisk.of(failure) : "");
                }
            }
        }
        List<Cause> chain = Cause.chain(failure);
        Cause root = chain.get(chain.size() - 1);
        // A list of problems has no cause; its message quotes the exceptions.
        for (Cause cause : root.is(Set.of("InputException")) ? all : List.of(root)) {
            if (cause.is(LIBRARY_TYPES) || cause.says(LIBRARY)) {
                return new Diagnosis(Kind.LIBRARY, cause.toString(), "");
            }
        }
        return new Diagnosis(isWrongInput(root) ? Kind.INPUT : Kind.UNKNOWN, root.toString(), "");
    }

    /** Whether a retry would fail in the same way. Call it only if reading or opening something failed. */
    public static boolean isPermanent(Throwable failure) {
        return of(failure).isPermanent();
    }

    /** Whether a retry would fail in the same way. */
    public boolean isPermanent() {
        return kind == Kind.INPUT || kind == Kind.LIBRARY;
    }

    private static boolean is(Kind kind, Cause cause) {
        if (cause.is(Set.of("InputException"))) {
            return false; // Its message may quote a key, which can be any text.
        }
        boolean heap =
                cause.says(HEAP) || cause.message().isEmpty() || cause.message().equals("null");
        return switch (kind) {
            case HEAP ->
                (cause.is(MEMORY) && heap) || HEAP_EXIT.matcher(cause.message()).find();
            case NATIVE_MEMORY -> (cause.is(MEMORY) && !heap) || cause.says(NATIVE);
            case CONTAINER -> KILLED.matcher(cause.message()).find();
            case DISK_FULL -> cause.is(DISK_TYPES) || cause.says(DISK);
            case PASSING -> cause.is(PASSING_TYPES) || cause.isIn(PASSING_PACKAGES) || cause.says(PASSING);
            case INPUT, LIBRARY, UNKNOWN -> false;
        };
    }

    private static boolean isWrongInput(Cause root) {
        return root.is(INPUT_TYPES) || root.isIn(DECODERS) || root.says(INPUT);
    }

    /** The rest of a message that begins with "Cannot do this: ". */
    public String message() {
        String got = ", got '" + cause + "'";
        return switch (kind) {
            case HEAP ->
                "expected enough heap memory" + got + "; raise it with --driver-memory (a run in one JVM) or"
                        + " --executor-memory, or lower --max-tokens or spark.sql.parquet.columnarReaderBatchSize";
            case NATIVE_MEMORY ->
                "expected enough memory outside the heap" + got + "; raise "
                        + (cause.contains("maxPhysicalBytes") || cause.contains("maxBytes")
                                ? "org.bytedeco.javacpp.maxphysicalbytes and maxbytes, which somebody has set"
                                : "spark.executor.memoryOverhead on a cluster, the memory of the container elsewhere")
                        + ", or lower --max-tokens, --driver-memory or the number of task slots of a JVM";
            case CONTAINER ->
                "expected executors that nothing kills" + got + "; they may use more memory than their container or"
                        + " machine has: raise spark.executor.memoryOverhead (jobs/plan.sh says how far), or lower"
                        + " --max-tokens, --executor-memory or --executor-cores";
            case DISK_FULL -> "expected free disk space " + disk + got + "; free some and try again";
            case PASSING, UNKNOWN ->
                "expected storage, network and executors that answer" + got + "; try again"
                        + (cause.contains("ExecutorLostFailure")
                                ? ", and if executors are lost again, raise spark.executor.memoryOverhead (jobs/plan.sh says"
                                        + " how far)"
                                : "");
            case INPUT -> "expected readable input" + got;
            case LIBRARY -> "expected a library for every file system and codec that is named" + got + nextStep();
        };
    }

    /** For a missing library, the next step, to be appended to a message that names it; otherwise empty. */
    public String nextStep() {
        if (kind != Kind.LIBRARY) {
            return "";
        }
        String add = "; add its library before the --, ";
        if (cause.contains("s3a") || cause.contains("S3A")) {
            return add + "with --packages org.apache.hadoop:hadoop-aws:VERSION (that of Hadoop)";
        }
        return add + "with --packages or --jars"
                + (cause.contains("Codec") ? ", or take another codec, such as zstd" : "");
    }
}
