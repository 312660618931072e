using System.Diagnostics.CodeAnalysis;
using Sgl.Models.Internal;
using Sgl.Text;

namespace Sgl.Models;

/// <summary>
/// The tensors of a checkpoint folder, memory-mapped read-only. Reads <c>model.safetensors</c>, or <c>*.safetensors.index.json</c> with its
/// shards; symbolic links are followed. Pickled weights are never read. Thread-safe until disposed. The files must not be changed while
/// the store lives: they are mapped, not copied.
/// </summary>
public sealed unsafe class TensorStore : IDisposable
{
    private const long LargestChunk = int.MaxValue / 8 * 8;
    private readonly Dictionary<string, TensorEntry> _entries;
    private readonly Dictionary<string, MappedFile> _files;

    private TensorStore(string folder, Dictionary<string, TensorEntry> entries, Dictionary<string, MappedFile> files)
    {
        Folder = folder;
        _entries = entries;
        _files = files;
        TotalBytes = entries.Values.Sum(e => e.ByteLength);
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>All tensors.</summary>
    public IReadOnlyCollection<TensorEntry> Entries => _entries.Values;

    /// <summary>Number of bytes of all tensors.</summary>
    public long TotalBytes { get; }

    /// <summary>Finds a tensor.</summary>
    /// <param name="name">Tensor name.</param>
    /// <exception cref="CheckpointException">There is no such tensor.</exception>
    public TensorEntry this[string name] =>
        _entries.TryGetValue(name, out var entry) ? entry : throw new CheckpointException(Folder, [new CheckpointProblem(".", name, "the tensor to exist", "no such tensor")]);

    /// <summary>Opens a folder's safetensors.</summary>
    /// <param name="folder">Checkpoint folder.</param>
    /// <exception cref="CheckpointException">A file is missing, truncated or inconsistent; carries every problem of every shard.</exception>
    public static TensorStore Open(string folder)
    {
        var problems = new ProblemList(folder);
        var store = Open(problems);
        problems.ThrowIfAny();
        return store!;
    }

    /// <summary>Opens one safetensors file on its own.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">The file is missing, truncated or inconsistent.</exception>
    public static TensorStore OpenFile(string path)
    {
        var full = Path.GetFullPath(path);
        var file = Path.GetFileName(full);
        var problems = new ProblemList(Path.GetDirectoryName(full)!);
        if (!System.IO.File.Exists(full))
        {
            problems.Add(file, null, "the file to exist", "no such file");
            problems.ThrowIfAny();
        }

        if (GitLfsPointer.IsAt(full))
        {
            problems.Add(file, null, "the file itself", GitLfsPointer.Description);
            problems.ThrowIfAny();
        }

        var entries = SafetensorsHeader.Read(full, file, problems).ToDictionary(e => e.Name, StringComparer.Ordinal);
        problems.ThrowIfAny();
        var store = Map(problems, entries, new Dictionary<string, string>(StringComparer.Ordinal) { [file] = full });
        problems.ThrowIfAny();
        return store!;
    }

    /// <summary>Whether a tensor exists.</summary>
    /// <param name="name">Tensor name.</param>
    public bool Contains(string name) => _entries.ContainsKey(name);

    /// <summary>Finds a tensor if it exists.</summary>
    /// <param name="name">Tensor name.</param>
    /// <param name="entry">The tensor.</param>
    public bool TryGet(string name, [NotNullWhen(true)] out TensorEntry? entry) => _entries.TryGetValue(name, out entry);

    /// <summary>Address of a tensor's first byte, valid until the store is disposed; not necessarily aligned.</summary>
    /// <param name="entry">A tensor of this store.</param>
    public nint Pointer(TensorEntry entry) => (nint)(File(entry).Pointer + entry.Offset);

    /// <summary>A tensor's bytes, valid until the store is disposed.</summary>
    /// <param name="entry">A tensor of this store of less than 2 GiB; larger ones through <see cref="Pointer"/>.</param>
    public ReadOnlySpan<byte> Bytes(TensorEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return entry.ByteLength <= int.MaxValue
            ? new ReadOnlySpan<byte>((void*)Pointer(entry), (int)entry.ByteLength)
            : throw new ArgumentException($"{entry.Name} has {entry.ByteLength} bytes, more than a span can hold", nameof(entry));
    }

    /// <summary>Reads elements as float32, whatever floating-point type is stored.</summary>
    /// <param name="entry">A tensor of this store: float32, float16, bfloat16 or float64.</param>
    /// <param name="firstElement">First element in row-major order.</param>
    /// <param name="destination">Receives as many elements as it is long.</param>
    public void ReadFloat32(TensorEntry entry, long firstElement, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (!TensorDataTypes.IsFloat(entry.DataType))
        {
            throw new ArgumentException($"{entry.Name} holds {entry.DataType}, not floating-point numbers", nameof(entry));
        }

        ArgumentOutOfRangeException.ThrowIfNegative(firstElement);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstElement, entry.ElementCount - destination.Length);
        var size = TensorDataTypes.Size(entry.DataType);
        var source = (byte*)Pointer(entry) + (firstElement * size);
        var chunk = (int)(LargestChunk / size);
        while (destination.Length > 0)
        {
            var count = Math.Min(chunk, destination.Length);
            FloatWidening.Convert(entry.DataType, new ReadOnlySpan<byte>(source, count * size), destination[..count]);
            destination = destination[count..];
            source += (long)count * size;
        }
    }

    /// <summary>Reads a whole tensor as float32.</summary>
    /// <param name="name">Tensor name.</param>
    /// <returns>Elements in row-major order.</returns>
    public float[] ReadFloat32(string name)
    {
        var entry = this[name];
        var values = new float[entry.ElementCount];
        ReadFloat32(entry, 0, values);
        return values;
    }

    /// <summary>Full path of the file that holds a tensor, without symbolic links.</summary>
    /// <param name="entry">A tensor of this store.</param>
    public string FullPath(TensorEntry entry) => File(entry).Path;

    /// <summary>Unmaps the files. Pointers and spans become invalid.</summary>
    public void Dispose()
    {
        foreach (var file in _files.Values)
        {
            file.Dispose();
        }
    }

    /// <summary>Opens a folder's safetensors, adding to a list of problems.</summary>
    /// <returns>Null when there are new problems.</returns>
    internal static TensorStore? Open(ProblemList problems)
    {
        if (!Directory.Exists(problems.Folder))
        {
            problems.Add(".", null, "a folder", System.IO.File.Exists(problems.Folder) ? "a file" : "nothing");
            return null;
        }

        var before = problems.Count;
        var (shards, index, map) = ShardList.Find(problems);
        var entries = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        var paths = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var shard in shards)
        {
            if (Locate(shard, index, problems) is not { } path)
            {
                continue;
            }

            paths.Add(shard, path);
            foreach (var entry in SafetensorsHeader.Read(path, shard, problems))
            {
                if (!entries.TryAdd(entry.Name, entry))
                {
                    problems.Add(shard, entry.Name, "each tensor in one file", $"the tensor in {entries[entry.Name].File} too");
                }
            }
        }

        foreach (var (name, shard) in map ?? new Dictionary<string, string>())
        {
            if (paths.ContainsKey(shard) && (!entries.TryGetValue(name, out var entry) || entry.File != shard))
            {
                problems.Add(index!, $"weight_map.{name}", $"the tensor in {shard}", entry is null ? "no such tensor" : $"it in {entry.File}");
            }
        }

        return problems.Count > before ? null : Map(problems, entries, paths);
    }

    private static string? Locate(string shard, string? index, ProblemList problems)
    {
        var path = RealPath.Resolve(Path.Combine(problems.Folder, shard));
        if (path is null || !System.IO.File.Exists(path))
        {
            var link = new FileInfo(Path.Combine(problems.Folder, shard)).LinkTarget;
            problems.Add(
                shard,
                null,
                index is null ? "the file to exist" : $"the shard that {index} names to exist",
                link is null ? "no such file" : $"a link to {link}, where there is no file");
            return null;
        }

        if (GitLfsPointer.IsAt(path))
        {
            problems.Add(shard, null, "the file itself", GitLfsPointer.Description);
            return null;
        }

        return path;
    }

    private static TensorStore? Map(ProblemList problems, Dictionary<string, TensorEntry> entries, Dictionary<string, string> paths)
    {
        var files = new Dictionary<string, MappedFile>(StringComparer.Ordinal);
        foreach (var (shard, path) in paths)
        {
            try
            {
                files.Add(shard, MappedFile.Open(path));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                problems.Add(shard, null, "a file that can be mapped", e.Message);
                foreach (var file in files.Values)
                {
                    file.Dispose();
                }

                return null;
            }
        }

        return new TensorStore(problems.Folder, entries, files);
    }

    private MappedFile File(TensorEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return _files.TryGetValue(entry.File, out var file) && _entries.TryGetValue(entry.Name, out var own) && own == entry
            ? file
            : throw new ArgumentException($"{entry.Name} is not a tensor of {Folder}", nameof(entry));
    }
}
