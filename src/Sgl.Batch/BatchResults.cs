using System.Text.Json;
using Sgl.Batch.Internal;

namespace Sgl.Batch;

/// <summary>
/// The two files that a batch writes, in OpenAI's format: answers, and requests that failed. One line is appended and handed to the operating system for each
/// request. Killed at any moment, the batch goes on from there: a last line that was not finished is cut off, and what is there is not asked again.
/// </summary>
/// <remarks>Safe for concurrent use within a process. A second process that opens the same files is refused.</remarks>
public sealed class BatchResults : IDisposable
{
    private readonly Lock _lock = new();
    private readonly ResultFile _answers;
    private readonly ResultFile _errors;

    private BatchResults(ResultFile answers, ResultFile errors) => (_answers, _errors) = (answers, errors);

    /// <summary>Requests that were answered, earlier runs included.</summary>
    public int Answered { get; private set; }

    /// <summary>Requests that failed, earlier runs included.</summary>
    public int Failed { get; private set; }

    /// <summary>Names of the requests that are there already.</summary>
    public IReadOnlySet<string> Known { get; private init; } = new HashSet<string>();

    /// <summary>Opens or begins both files.</summary>
    /// <param name="answers">Path of the answers.</param>
    /// <param name="errors">Path of what failed.</param>
    /// <param name="retryErrors">What failed in earlier runs is forgotten, and asked again.</param>
    /// <exception cref="BatchException">A file is in use, cannot be written, or holds something else.</exception>
    public static BatchResults Open(string answers, string errors, bool retryErrors)
    {
        if (Path.GetFullPath(answers) == Path.GetFullPath(errors))
        {
            throw new BatchException($"{answers}: is to hold both the answers and the errors; give two files");
        }

        ResultFile? first = null, second = null;
        try
        {
            first = ResultFile.Open(answers, empty: false);
            second = ResultFile.Open(errors, empty: retryErrors);
            var known = new HashSet<string>(first.Ids);
            if (second.Ids.FirstOrDefault(id => !known.Add(id)) is { } twice)
            {
                throw new BatchException($"{errors}: holds '{Shown.Text(twice)}', which {answers} holds too; they are not of one batch");
            }

            return new BatchResults(first, second) { Known = known, Answered = first.Ids.Count, Failed = second.Ids.Count };
        }
        catch
        {
            first?.Dispose();
            second?.Dispose();
            throw;
        }
    }

    /// <summary>Appends what came of a request.</summary>
    public void Add(BatchOutcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        var line = Line(outcome);
        lock (_lock)
        {
            (outcome.IsAnswer ? _answers : _errors).Append(line);
            (Answered, Failed) = outcome.IsAnswer ? (Answered + 1, Failed) : (Answered, Failed + 1);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _answers.Dispose();
        _errors.Dispose();
    }

    private static byte[] Line(BatchOutcome outcome)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("id", $"batch_req_{outcome.RequestId ?? Guid.NewGuid().ToString("N")}");
            json.WriteString("custom_id", outcome.CustomId);
            json.WritePropertyName("response");
            if (outcome.Status is { } status)
            {
                json.WriteStartObject();
                json.WriteNumber("status_code", status);
                json.WriteString("request_id", outcome.RequestId ?? "");
                json.WritePropertyName("body");
                json.WriteRawValue(outcome.Body.Span);
                json.WriteEndObject();
            }
            else
            {
                json.WriteNullValue();
            }

            json.WritePropertyName("error");
            if (outcome.Error is { } error)
            {
                json.WriteStartObject();
                json.WriteString("code", error.Code);
                json.WriteString("message", error.Message);
                json.WriteEndObject();
            }
            else
            {
                json.WriteNullValue();
            }

            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        return line.ToArray();
    }
}
