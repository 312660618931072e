using Microsoft.Extensions.Options;
using Sgl.EngineBridge.Internal;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.ModelServing;
using Sgl.Rendering;
using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>The turns for the engine, and what of the images they hold.</summary>
/// <param name="Turns">Turns.</param>
/// <param name="Outcome">The pictures.</param>
/// <param name="Hints">What the engine is told about each picture.</param>
/// <param name="Fields">Limits that it is told for all of them.</param>
internal sealed record ShapedRequest(IReadOnlyList<EngineTurn> Turns, Wire.PictureOutcome Outcome, PictureHints Hints, IReadOnlyList<(string Path, string Json)> Fields);

/// <summary>
/// Makes the pictures that an engine is sent from a request's images: as they came, parts of them, or smaller. Formats that engines do not take, and pictures to be turned, become PNG. As many requests are
/// worked on at a time as there are workers and memory for their pixels.
/// </summary>
internal sealed class PictureShaper(IOptions<RequestLimits> limits, IOptions<BridgeOptions> bridge)
{
    private const int DefaultOverviewSide = 448;

    private readonly ImageDecoder _decoder = new(limits.Value.DecoderOptions());
    private readonly PreparationGate _gate = new(limits.Value.Preparations(), limits.Value.PreparationBytes());

    /// <summary>Makes them.</summary>
    /// <param name="request">The request.</param>
    /// <param name="images">Its images.</param>
    /// <param name="policy">How.</param>
    /// <param name="plan">The parts of each image in prompt order; null: none.</param>
    /// <param name="field">Path of the images.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="InvalidRequestException">An image cannot be decoded, or they take too much memory.</exception>
    public async Task<ShapedRequest> ShapeAsync(
        CheckedRequest request, IReadOnlyList<Wire.Image> images, Wire.PicturePolicy policy, CropPlan? plan, string field, CancellationToken cancellationToken)
    {
        var order = request.Layout.Images.Select((image, i) => new PictureJob(request.Headers[image.ImageIndex], image, plan?.Images[i], policy)).ToList();
        var outcome = new Wire.PictureOutcome { Strategy = policy.Strategy };
        if (plan is not null)
        {
            outcome.CoveredShare = plan.CoveredShare;
        }

        var made = new Dictionary<int, IReadOnlyList<MadePicture>>();
        var decoded = order.Where(j => j.NeedsPixels).ToList();
        using var place = decoded.Count > 0 ? await _gate.EnterAsync(Bytes(decoded, field), cancellationToken) : null;
        foreach (var job in order)
        {
            var pictures = await Task.Run(() => Make(job, images[job.Index], $"{field}[{job.Index}].data", cancellationToken), cancellationToken);
            made[job.Index] = pictures;
            outcome.Pictures.AddRange(pictures.Select(p => p.Sent));
        }

        var hints = Hints(policy);
        return new ShapedRequest(
            [.. request.Messages.Select(m => new EngineTurn(m.Role, [.. m.Parts.SelectMany(p => Parts(p, made, policy, hints))]))], outcome, hints, Fields(policy));
    }

    private static IEnumerable<EnginePart> Parts(Wire.ChatPart part, Dictionary<int, IReadOnlyList<MadePicture>> made, Wire.PicturePolicy policy, PictureHints hints)
    {
        if (part.ContentCase != Wire.ChatPart.ContentOneofCase.ImageIndex)
        {
            yield return new EnginePart.Text(part.Text);
            yield break;
        }

        foreach (var picture in made[part.ImageIndex])
        {
            if (PictureCaptions.Of(picture.Sent, made.Count) is { } caption && policy.Crops is not { OmitCaptions: true })
            {
                yield return new EnginePart.Text(caption);
            }

            yield return new EnginePart.Picture(picture.Data, picture.MediaType, hints);
        }
    }

    private bool TellsTilesEach => bridge.Value.TileLimit == TileLimitField.ImageUrl;

    private PictureHints Hints(Wire.PicturePolicy policy) => policy.Budget is not { } budget ? default : new PictureHints(
        budget.Detail.Length > 0 ? budget.Detail : null, budget.HasMaxDynamicPatch && TellsTilesEach ? budget.MaxDynamicPatch : null);

    private List<(string Path, string Json)> Fields(Wire.PicturePolicy policy)
    {
        var fields = new List<(string, string)>();
        if (policy.Budget is { HasMaxPixels: true } pixels)
        {
            fields.Add(("$.mm_processor_kwargs.max_pixels", FormattableString.Invariant($"{pixels.MaxPixels}")));
        }

        if (policy.Budget is { HasMaxDynamicPatch: true } tiles && !TellsTilesEach)
        {
            fields.Add(("$.mm_processor_kwargs.max_dynamic_patch", FormattableString.Invariant($"{tiles.MaxDynamicPatch}")));
        }

        return fields;
    }

    // The image, and what is made of it: at most as many pixels again, once as such and once as a file.
    private long Bytes(List<PictureJob> jobs, string field)
    {
        var bytes = jobs.Max(j => j.Header.PeakBytes) + jobs.Sum(j => 2 * j.Header.RgbBytes);
        return bytes <= _gate.Capacity
            ? bytes
            : throw new InvalidRequestException(field, $"preparing them would take {bytes >> 20} MiB, at most {_gate.Capacity >> 20} MiB are given to one request", ErrorReasons.BadImage);
    }

    private IReadOnlyList<MadePicture> Make(PictureJob job, Wire.Image image, string field, CancellationToken cancellationToken)
    {
        if (!job.NeedsPixels)
        {
            return [new MadePicture(image.Data.Memory, MediaTypes.Of(job.Header.Format), job.Sent(Wire.PictureKind.Whole, job.All, job.All.Width, job.All.Height))];
        }

        RgbImage pixels;
        try
        {
            pixels = _decoder.Decode(image.Data.Memory, cancellationToken);
        }
        catch (ImageException e)
        {
            throw new InvalidRequestException(field, e.Message, ErrorReasons.BadImage);
        }

        if (!job.IsCut)
        {
            return [Encode(pixels, job.Sent(Wire.PictureKind.Whole, job.All, job.WholeSize.Width, job.WholeSize.Height), cancellationToken)];
        }

        var pictures = new List<MadePicture>();
        if (job.OverviewSize is { } size)
        {
            pictures.Add(Encode(pixels, job.Sent(Wire.PictureKind.Overview, job.All, size.Width, size.Height), cancellationToken));
        }

        foreach (var part in job.Crops)
        {
            pictures.Add(Encode(pixels.Crop(part.X, part.Y, part.Width, part.Height), job.Sent(Wire.PictureKind.Part, part, part.Width, part.Height), cancellationToken));
        }

        return pictures;
    }

    private static MadePicture Encode(RgbImage pixels, Wire.SentPicture sent, CancellationToken cancellationToken) =>
        new(PngWriter.Encode(PillowResampler.Resize(pixels, sent.Width, sent.Height, ResampleFilter.Bicubic, cancellationToken)), MediaTypes.Png, sent);

    private sealed record MadePicture(ReadOnlyMemory<byte> Data, string MediaType, Wire.SentPicture Sent);

    /// <summary>What becomes of one image; known from its header.</summary>
    private sealed class PictureJob
    {
        private readonly bool _mustBeEncoded;

        public PictureJob(ImageHeader header, Wire.VisualLayout image, ImageCrops? crops, Wire.PicturePolicy policy)
        {
            (Header, Index, All) = (header, image.ImageIndex, new CropRectangle(0, 0, image.Width, image.Height));
            _mustBeEncoded = header.Format is ImageFormat.Bmp or ImageFormat.Tiff || image.AppliedOrientation != 1;
            WholeSize = policy.Budget is { HasResizePixels: true } budget ? Shrunk(Math.Sqrt((double)budget.ResizePixels / All.Area)) : (All.Width, All.Height);
            var side = policy.Crops is { HasOverviewSide: true } told ? told.OverviewSide : DefaultOverviewSide;
            if (crops is not { IsWhole: false } || Math.Max(All.Width, All.Height) <= side)
            {
                return;
            }

            OverviewSize = side > 0 ? Shrunk((double)side / Math.Max(All.Width, All.Height)) : null;
            Crops = crops.Crops;
        }

        public ImageHeader Header { get; }

        public int Index { get; }

        public CropRectangle All { get; }

        /// <summary>Size of the picture where it is not cut.</summary>
        public (int Width, int Height) WholeSize { get; }

        public (int Width, int Height)? OverviewSize { get; }

        public IReadOnlyList<CropRectangle> Crops { get; } = [];

        public bool IsCut => OverviewSize is not null || Crops.Count > 0;

        public bool NeedsPixels => IsCut || _mustBeEncoded || WholeSize != (All.Width, All.Height);

        public Wire.SentPicture Sent(Wire.PictureKind kind, CropRectangle area, int width, int height) => new()
        {
            ImageIndex = Index,
            Kind = kind,
            Area = new Wire.Rectangle { Left = area.X, Top = area.Y, Width = area.Width, Height = area.Height },
            Width = width,
            Height = height,
        };

        private (int Width, int Height) Shrunk(double scale) => scale >= 1
            ? (All.Width, All.Height)
            : (Math.Max(1, (int)Math.Round(All.Width * scale)), Math.Max(1, (int)Math.Round(All.Height * scale)));
    }
}
