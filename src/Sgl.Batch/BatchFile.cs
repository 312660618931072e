using System.Text.Json;
using Sgl.Batch.Internal;

namespace Sgl.Batch;

/// <summary>
/// A file of requests in OpenAI's batch format: JSON Lines of <c>custom_id</c>, <c>method</c>, <c>url</c> and <c>body</c>. All lines are checked before anything
/// is asked; their bodies, which hold pictures, stay in the file.
/// </summary>
public sealed class BatchFile : IDisposable
{
    /// <summary>Most bytes of a line.</summary>
    public const int LongestLine = 256 << 20;

    /// <summary>Most requests of a file.</summary>
    public const int MostRequests = 1_000_000;

    private const int ProblemsShown = 12;
    private readonly FileStream _file;

    private BatchFile(FileStream file, IReadOnlyList<BatchRequest> requests) => (_file, Requests) = (file, requests);

    /// <summary>The requests, in order.</summary>
    public IReadOnlyList<BatchRequest> Requests { get; }

    /// <summary>Opens a file and checks its lines.</summary>
    /// <exception cref="BatchException">The file cannot be read, or lines of it are no requests; up to twelve are told.</exception>
    public static BatchFile Open(string path)
    {
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
            return new BatchFile(file, Read(path, file));
        }
        catch (Exception e)
        {
            file?.Dispose();
            if (e is IOException or UnauthorizedAccessException)
            {
                throw new BatchException($"{path}: cannot be read: {e.Message}", e);
            }

            throw;
        }
    }

    /// <summary>The body of a request, as it stands in the file.</summary>
    /// <exception cref="BatchException">The file was changed meanwhile.</exception>
    public byte[] Body(BatchRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var line = new byte[request.Length];
        var read = RandomAccess.Read(_file.SafeFileHandle, line, request.Offset);
        try
        {
            return read == line.Length && BatchLine.Parse(line) is var found && found.CustomId == request.CustomId
                ? line.AsSpan(found.Body).ToArray()
                : throw new BadLineException("it holds another request");
        }
        catch (Exception e) when (e is JsonException or BadLineException)
        {
            throw new BatchException($"line {request.Line} of the requests was changed while the batch ran", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static List<BatchRequest> Read(string path, Stream file)
    {
        var (requests, problems, lines) = (new List<BatchRequest>(), new List<string>(), new Dictionary<string, int>());
        foreach (var line in new LineReader(file, LongestLine).Lines())
        {
            if (line.Bytes is { Length: 0 })
            {
                continue;
            }

            try
            {
                if (line.Bytes is not { } bytes)
                {
                    throw new BadLineException($"is longer than {LongestLine} bytes");
                }

                var found = BatchLine.Parse(bytes.Span);
                if (!lines.TryAdd(found.CustomId, line.Number))
                {
                    throw new BadLineException($"custom_id '{Shown.Text(found.CustomId)}' is that of line {lines[found.CustomId]} already");
                }

                if (requests.Count == MostRequests)
                {
                    throw new BatchException($"{path}: holds more than {MostRequests} requests; split it");
                }

                requests.Add(new BatchRequest(found.CustomId, found.Path, line.Number, line.Offset, bytes.Length));
            }
            catch (Exception e) when (e is JsonException or BadLineException)
            {
                problems.Add($"{path}:{line.Number}: {(e is JsonException ? $"is not JSON: {e.Message}" : e.Message)}");
                if (problems.Count == ProblemsShown)
                {
                    problems.Add("(further lines were not looked at)");
                    break;
                }
            }
        }

        return problems.Count > 0 ? throw new BatchException(string.Join('\n', problems))
            : requests.Count > 0 ? requests
            : throw new BatchException($"{path}: holds no request");
    }
}
