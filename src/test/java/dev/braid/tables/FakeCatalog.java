package dev.braid.tables;

import java.net.ConnectException;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.sql.catalyst.analysis.NoSuchTableException;
import org.apache.spark.sql.connector.catalog.Identifier;
import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.connector.catalog.TableCapability;
import org.apache.spark.sql.connector.catalog.TableCatalog;
import org.apache.spark.sql.connector.catalog.TableChange;
import org.apache.spark.sql.connector.expressions.Transform;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/** A catalog of tables that have properties and columns, but no rows; its metastore is {@link #down}, or not. */
@SuppressWarnings("deprecation") // as its interface is
public final class FakeCatalog implements TableCatalog {
    /** The class, for a session's setting. */
    public static final String CLASS = FakeCatalog.class.getName();

    public static final Map<String, Map<String, String>> TABLES = new ConcurrentHashMap<>();
    public static volatile boolean down;

    private String name;

    @Override
    public void initialize(String catalog, CaseInsensitiveStringMap options) {
        this.name = catalog;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Identifier[] listTables(String[] namespace) {
        return new Identifier[0];
    }

    @Override
    public Table loadTable(Identifier identifier) throws NoSuchTableException {
        if (down) {
            throw new IllegalStateException("no metastore", new ConnectException("Connection refused"));
        }
        String path = String.join("/", identifier.namespace()) + "/" + identifier.name();
        Map<String, String> properties = TABLES.get(path);
        if (properties == null) {
            throw new NoSuchTableException(identifier);
        }
        return new Table() {
            @Override
            public String name() {
                return path;
            }

            @Override
            public StructType schema() {
                return StructType.fromDDL("id STRING, fused ARRAY<FLOAT>");
            }

            @Override
            public Map<String, String> properties() {
                return properties;
            }

            @Override
            public Set<TableCapability> capabilities() {
                return Set.of(TableCapability.BATCH_READ, TableCapability.BATCH_WRITE);
            }
        };
    }

    @Override
    public Table createTable(
            Identifier identifier, StructType schema, Transform[] partitions, Map<String, String> properties) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Table alterTable(Identifier identifier, TableChange... changes) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean dropTable(Identifier identifier) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void renameTable(Identifier from, Identifier to) {
        throw new UnsupportedOperationException();
    }
}
