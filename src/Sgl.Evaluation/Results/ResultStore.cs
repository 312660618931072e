using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sgl.Evaluation;

/// <summary>
/// Results as JSON Lines, one line appended and handed to the operating system per answer. Killed at any moment, the file is
/// continued by the next run: a last line that was not finished is cut off, and what is there is not asked again.
/// </summary>
/// <remarks>Safe for concurrent use within a process. A second process that opens the same file is refused.</remarks>
public sealed class ResultStore : IDisposable
{
    internal static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    private static ReadOnlySpan<byte> HeaderStart => "{\"format\":\"sgl-results\""u8;

    private readonly FileStream _file;
    private readonly FileStream _guard;
    private readonly Lock _lock = new();
    private readonly Dictionary<(string, string, string), ResultRecord> _records = [];

    private ResultStore(FileStream file, FileStream guard, RunHeader header) => (_file, _guard, Header) = (file, guard, header);

    /// <summary>The file's first line.</summary>
    public RunHeader Header { get; }

    /// <summary>Bytes of an unfinished last line that were cut off on opening.</summary>
    public int TornBytes { get; private set; }

    /// <summary>Number of results.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _records.Count;
            }
        }
    }

    /// <summary>Opens a file for appending, or begins it.</summary>
    /// <exception cref="EvaluationException">
    /// Another run's file, a file in use, or a broken line that is not the last; the message names file and line.
    /// </exception>
    public static ResultStore Open(string path, RunHeader header)
    {
        ArgumentNullException.ThrowIfNull(header);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        FileStream? guard = null;
        FileStream? file = null;
        try
        {
            // A file that is written cannot be locked and yet be readable by reports on every system, so a second one stands guard.
            // The lock dies with its process.
            guard = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, 1);
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            var (found, records, length) = Parse(path, bytes);
            if (found is not null)
            {
                RequireSameRun(path, found, header);
            }

            file.SetLength(length);
            file.Position = length;
            var store = new ResultStore(file, guard, found ?? header) { TornBytes = bytes.Length - length };
            records.ForEach(r => store._records.TryAdd(r.Key, r));
            if (found is null)
            {
                store.Write(header);
            }

            return store;
        }
        catch (Exception e)
        {
            file?.Dispose();
            guard?.Dispose();
            if (e is IOException or UnauthorizedAccessException)
            {
                throw new EvaluationException($"{path}: cannot be opened for writing, perhaps another run is at it: {e.Message}", e);
            }

            throw;
        }
    }

    /// <summary>Reads a file without changing it; an unfinished last line is passed over.</summary>
    public static (RunHeader Header, IReadOnlyList<ResultRecord> Records) Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new EvaluationException($"{path}: no such file");
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        var (header, records, _) = Parse(path, bytes);
        return (header ?? throw new EvaluationException($"{path}: holds no result"), [.. records.DistinctBy(r => r.Key)]);
    }

    /// <summary>Whether there is a result for the question and method. A failure that was noted counts.</summary>
    public bool Contains(string benchmark, string id, string method)
    {
        lock (_lock)
        {
            return _records.ContainsKey((benchmark, id, method));
        }
    }

    /// <summary>The result for a question and method, or null.</summary>
    public ResultRecord? Find(string benchmark, string id, string method)
    {
        lock (_lock)
        {
            return _records.GetValueOrDefault((benchmark, id, method));
        }
    }

    /// <summary>All results, in the order in which they came.</summary>
    public IReadOnlyList<ResultRecord> Records()
    {
        lock (_lock)
        {
            return [.. _records.Values];
        }
    }

    /// <summary>Appends a result. One that is there already is not written again.</summary>
    /// <returns>Whether it was new.</returns>
    public bool Add(ResultRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        lock (_lock)
        {
            if (!_records.TryAdd(record.Key, record))
            {
                return false;
            }

            Write(record);
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_file.CanWrite)
            {
                _file.Flush(flushToDisk: true);
            }

            _file.Dispose();
            _guard.Dispose();
        }
    }

    // One write call per line: what a killed process leaves behind is a prefix of a line at worst.
    private void Write<T>(T value)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(value, Json);
        Array.Resize(ref line, line.Length + 1);
        line[^1] = (byte)'\n';
        _file.Write(line);
        _file.Flush();
    }

    private static (RunHeader? Header, List<ResultRecord> Records, int Length) Parse(string path, byte[] bytes)
    {
        RunHeader? header = null;
        var records = new List<ResultRecord>();
        var at = 0;
        for (var number = 1; at < bytes.Length; number++)
        {
            var end = Array.IndexOf(bytes, (byte)'\n', at);
            if (end < 0)
            {
                break;
            }

            try
            {
                var line = bytes.AsSpan(at, end - at);
                if (header is null)
                {
                    header = JsonSerializer.Deserialize<RunHeader>(line, Json);
                    if (header is not { Format: "sgl-results", Version: 1 })
                    {
                        throw new EvaluationException($"{path}:1: not a result file of version 1");
                    }
                }
                else
                {
                    records.Add(JsonSerializer.Deserialize<ResultRecord>(line, Json) ?? throw new JsonException("null"));
                }
            }
            catch (JsonException e)
            {
                // A power cut may leave a last line of the right length with the wrong bytes.
                if (end == bytes.Length - 1 && header is not null)
                {
                    break;
                }

                throw new EvaluationException($"{path}:{number}: not a result: {e.Message}", e);
            }

            at = end + 1;
        }

        // Only what can be the beginning of our own first line may be cut off.
        var shared = Math.Min(bytes.Length, HeaderStart.Length);
        if (header is null && !bytes.AsSpan(0, shared).SequenceEqual(HeaderStart[..shared]))
        {
            throw new EvaluationException($"{path}:1: not a result file");
        }

        return (header, records, at);
    }

    private static void RequireSameRun(string path, RunHeader found, RunHeader wanted)
    {
        (string Name, object Found, object Wanted)[] fields =
        [
            ("small model", found.Small, wanted.Small),
            ("large model", found.Large, wanted.Large),
            ("weights of the small model", found.SmallWeights ?? "unknown", wanted.SmallWeights ?? "unknown"),
            ("weights of the large model", found.LargeWeights ?? "unknown", wanted.LargeWeights ?? "unknown"),
            ("data files", found.Data ?? wanted.Data ?? "", wanted.Data ?? found.Data ?? ""),
            ("layers of the large model", found.LargeLayers, wanted.LargeLayers),
            ("seed", found.Seed, wanted.Seed),
        ];
        foreach (var field in fields)
        {
            if (!field.Found.Equals(field.Wanted))
            {
                throw new EvaluationException(
                    $"{path}: belongs to another run ({field.Name} {field.Found}, now {field.Wanted}); choose another file or delete it");
            }
        }
    }
}
