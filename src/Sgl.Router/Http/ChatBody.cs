using System.Buffers;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Unicode;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>The body of a request: JSON, perhaps compressed, read whole within a limit.</summary>
internal sealed class ChatBody : IDisposable
{
    private const string Encodings = "gzip, deflate, br";
    private const int MostPooled = 1 << 20;
    private readonly JsonDocument _document;
    private readonly byte[] _buffer;

    private ChatBody(JsonDocument document, byte[] buffer) => (_document, _buffer) = (document, buffer);

    /// <summary>The object that it holds; valid until the body is disposed.</summary>
    public JsonElement Root => _document.RootElement;

    /// <summary>Reads the body.</summary>
    /// <param name="context">The request.</param>
    /// <param name="limit">Most bytes, as they come and as they are decompressed.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="InvalidRequestException">It is not the JSON of an object, or holds too much.</exception>
    /// <exception cref="RpcException">It is too long, or neither JSON nor of a known encoding.</exception>
    public static async Task<ChatBody> ReadAsync(HttpContext context, long limit, CancellationToken cancellationToken)
    {
        RequireJson(context.Request);
        var stream = Decompressed(context);
        await using var decompressor = stream == context.Request.Body ? null : stream;

        // The server's own limit cuts the connection in the middle of the upload, and then the client never sees the answer. Without it what is left of a body is
        // taken and dropped for a few seconds. Compressed, the limit below is one of what comes out, which may be nothing for ever.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
        {
            feature.MaxRequestBodySize = decompressor is null ? null : limit;
        }

        if (context.Request.ContentLength > limit)
        {
            throw Faults.MessageTooLarge(limit).ToRpcException();
        }

        // One byte more than is announced: the end is seen without a larger buffer.
        var buffer = Rent(decompressor is null ? (context.Request.ContentLength ?? 0) + 1 : MostPooled);
        try
        {
            var length = 0;
            while (await ReadAsync(stream, buffer.AsMemory(length), limit, cancellationToken) is > 0 and var read)
            {
                length += read;
                if (decompressor is not null)
                {
                    RequestBytes.Of(context)?.TakeJson(read);
                }

                if (length > limit)
                {
                    throw Faults.MessageTooLarge(limit).ToRpcException();
                }

                if (length == buffer.Length)
                {
                    var larger = Rent(Math.Min(buffer.Length * 2L, limit + 1));
                    buffer.AsSpan().CopyTo(larger);
                    Return(buffer);
                    buffer = larger;
                }
            }

            return new ChatBody(Parse(buffer.AsMemory(0, length)), buffer);
        }
        catch
        {
            Return(buffer);
            throw;
        }
    }

    public void Dispose()
    {
        _document.Dispose();
        Return(_buffer);
    }

    // The pool would keep a few of the largest bodies that ever came, each rounded up to a power of two.
    private static byte[] Rent(long size) => size <= MostPooled
        ? ArrayPool<byte>.Shared.Rent((int)Math.Max(size, 4096))
        : GC.AllocateUninitializedArray<byte>((int)Math.Min(size, Array.MaxLength));

    private static void Return(byte[] buffer)
    {
        if (buffer.Length <= MostPooled)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // A page of a browser may send any body as text/plain or without a type to anyone; as JSON only where CORS allows it.
    private static void RequireJson(HttpRequest request)
    {
        var known = MediaTypeHeaderValue.TryParse(request.ContentType, out var type);
        if (!known || !(type!.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase)))
        {
            throw Unsupported($"The body must be JSON with the header Content-Type: application/json; found {ViolationList.Quote(request.ContentType)}.");
        }

        if (type.Charset.HasValue && !HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase))
        {
            throw Unsupported($"The body must be UTF-8; found charset {ViolationList.Quote(type.Charset.Value)}.");
        }
    }

    private static Stream Decompressed(HttpContext context)
    {
        var body = context.Request.Body;
        switch (context.Request.Headers.ContentEncoding.ToString().ToLowerInvariant())
        {
            case "" or "identity":
                return body;
            case "gzip" or "x-gzip":
                return new GZipStream(body, CompressionMode.Decompress, leaveOpen: true);
            case "deflate":
                return new ZLibStream(body, CompressionMode.Decompress, leaveOpen: true);
            case "br":
                return new BrotliStream(body, CompressionMode.Decompress, leaveOpen: true);
            case var other:
                context.Response.Headers.AcceptEncoding = Encodings;
                throw Unsupported($"The content encoding {ViolationList.Quote(other)} is not known; use one of {Encodings}, or none.");
        }
    }

    private static async Task<int> ReadAsync(Stream stream, Memory<byte> into, long limit, CancellationToken cancellationToken)
    {
        try
        {
            return await stream.ReadAsync(into, cancellationToken);
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw Faults.MessageTooLarge(limit).ToRpcException();
        }
        catch (Exception e) when (stream is GZipStream or ZLibStream or BrotliStream && e is InvalidDataException or InvalidOperationException)
        {
            throw new InvalidRequestException("body", "is not what its header Content-Encoding says, or ends too early");
        }
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> json)
    {
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        json = json.Span.StartsWith(mark) ? json[mark.Length..] : json;
        if (!Utf8.IsValid(json.Span))
        {
            throw new InvalidRequestException("body", "is not UTF-8");
        }

        try
        {
            if (JsonScan.Check(json.Span) is { } tooMuch)
            {
                throw new InvalidRequestException([tooMuch]);
            }

            // Of two members of one name, which one counts is anybody's guess.
            var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            var kind = document.RootElement.ValueKind.ToString().ToLowerInvariant();
            document.Dispose();
            throw new InvalidRequestException("body", $"must be a JSON object, found {kind}");
        }
        catch (JsonException e)
        {
            throw new InvalidRequestException("body", $"is not JSON: {e.Message}");
        }
        catch (InvalidOperationException)
        {
            throw new InvalidRequestException("body", "has a member whose name is no Unicode text");
        }
    }

    private static RpcException Unsupported(string message) =>
        Faults.Create(Google.Rpc.Code.InvalidArgument, message, RouterErrorReasons.UnsupportedMediaType).ToRpcException();
}
