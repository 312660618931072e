using System.Text.Json;

namespace Sgl.Batch.Internal;

/// <summary>One of the files that a batch writes.</summary>
internal sealed class ResultFile : IDisposable
{
    private readonly FileStream _file;
    private readonly FileStream _guard;

    private ResultFile(FileStream file, FileStream guard, HashSet<string> ids) => (_file, _guard, Ids) = (file, guard, ids);

    /// <summary>Names of the requests that it held when it was opened.</summary>
    public HashSet<string> Ids { get; }

    /// <summary>Opens or begins a file.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="empty">What it holds is forgotten.</param>
    /// <exception cref="BatchException">It is in use, cannot be written, or holds something else.</exception>
    public static ResultFile Open(string path, bool empty)
    {
        FileStream? guard = null, file = null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);

            // A file that is written cannot be locked and yet be readable on every system, so a second one stands guard. The lock dies with its process.
            guard = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, 1);
            var (ids, length) = Read(path, file);
            file.SetLength(empty ? 0 : length);
            file.Position = file.Length;
            return new ResultFile(file, guard, empty ? [] : ids);
        }
        catch (Exception e)
        {
            file?.Dispose();
            guard?.Dispose();
            if (e is IOException or UnauthorizedAccessException)
            {
                throw new BatchException($"{path}: cannot be opened for writing, perhaps another run is at it: {e.Message}", e);
            }

            throw;
        }
    }

    /// <summary>Hands a line to the operating system.</summary>
    public void Append(byte[] line)
    {
        _file.Write(line);
        _file.Flush();
    }

    public void Dispose()
    {
        _file.Dispose();
        _guard.Dispose();
    }

    private static (HashSet<string> Ids, long Length) Read(string path, FileStream file)
    {
        var (ids, length) = (new HashSet<string>(), 0L);
        foreach (var line in new LineReader(file, BatchFile.LongestLine).Lines())
        {
            if (!line.IsWhole)
            {
                break; // the run that wrote it was killed
            }

            if (line.Bytes is not { } bytes || Id(bytes) is not { } id || !ids.Add(id))
            {
                throw new BatchException($"{path}:{line.Number}: is not a line of a batch's results; give another file, or remove this one");
            }

            length = line.End;
        }

        return (ids, length);
    }

    private static string? Id(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("custom_id", out var id) && id.ValueKind == JsonValueKind.String
                ? id.GetString()
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
