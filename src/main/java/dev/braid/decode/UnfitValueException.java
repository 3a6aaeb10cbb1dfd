package dev.braid.decode;

/** A value that keeps its row from being fused; {@link RowDecoder} adds the row. It has no stack trace. */
public final class UnfitValueException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient Fault fault;

    UnfitValueException(Fault fault) {
        super(fault.toString(), null, false, false);
        this.fault = fault;
    }

    /** A value of an output column. */
    public UnfitValueException(Reason reason, String column, String detail) {
        this(new Fault(reason, null, column, null, detail));
    }

    Fault fault() {
        return fault;
    }
}
