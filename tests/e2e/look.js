// Looks at pages and pictures as a reader would, in the frames of a page that tests/e2e/browser.bash
// makes, and writes what it finds into that page: one line per finding, and at the end how many it saw.
'use strict';

const min_text = 11;      // CSS pixels
const min_scale = 0.82;   // of plots, whose letters have 13 and a bit
const min_contrast = 4.5; // WCAG 2, for text of normal size

function luminance(color) {
    const parts = color.match(/[\d.]+/g).slice(0, 3).map(part => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
}

function background(element) {
    for (let one = element; one; one = one.parentElement) {
        const color = getComputedStyle(one).backgroundColor;
        if (!color.endsWith(', 0)'))
            return color;
    }
    return 'rgb(255, 255, 255)';
}

function contrast(element) {
    const pair = [luminance(getComputedStyle(element).color), luminance(background(element))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}

function lookAtText(page, found) {
    const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
    const seen = new Set();
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || seen.has(element) || element.closest('script, style'))
            continue;
        seen.add(element);
        const words = walker.currentNode.data.trim().slice(0, 40);
        const size = parseFloat(getComputedStyle(element).fontSize);
        if (!(size >= min_text))
            found.push(`text of ${size} pixels: ${words}`);
        if (!(contrast(element) >= min_contrast))
            found.push(`text of too little contrast: ${words}`);
    }
    if (seen.size === 0)
        found.push('nothing to read');
}

function lookAtPictures(page, found) {
    for (const picture of page.images) {
        const name = picture.alt || picture.src.slice(0, 40);
        const shown = picture.getBoundingClientRect().width;
        const drawn = picture.naturalWidth / (picture.src.startsWith('data:image/svg') ? 1 : 2);
        if (!picture.complete || !(picture.naturalWidth > 0))
            found.push(`a picture that does not load: ${name}`);
        else if (!(shown > 0 && shown <= picture.naturalWidth + 1))
            found.push(`a picture of ${picture.naturalWidth} pixels shown with ${shown}: ${name}`);
        else if (!picture.closest('.photograph') && !(shown >= min_scale * drawn))
            found.push(`a plot shrunk beyond reading, ${drawn} to ${shown} pixels: ${name}`);
    }
}

// A plot that scrolls has a shadow where there is more of it, which its white must let through.
function lookAtScrolling(page, found) {
    for (const picture of page.images) {
        const box = picture.parentElement;
        if (box.scrollWidth <= box.clientWidth || getComputedStyle(box).overflowX !== 'auto')
            continue;
        if (getComputedStyle(box).backgroundImage === 'none' ||
            getComputedStyle(picture).mixBlendMode !== 'multiply')
            found.push(`a plot that scrolls, but does not show it: ${picture.alt}`);
    }
}

// What is wider than the page must lie in a box that scrolls.
function lookAtWidths(page, found) {
    const width = page.documentElement.clientWidth;
    if (page.documentElement.scrollWidth > width)
        found.push(`the page scrolls sideways: ${page.documentElement.scrollWidth} pixels`);
    for (const element of page.body.querySelectorAll('*')) {
        if (element.getBoundingClientRect().right <= width + 1)
            continue;
        let box = element.parentElement;
        while (box && !['auto', 'scroll'].includes(getComputedStyle(box).overflowX))
            box = box.parentElement;
        if (!box || box.getBoundingClientRect().right > width + 1)
            found.push(`sticks out: ${element.tagName} ${element.textContent.slice(0, 40)}`);
    }
}

// Words of an SVG must neither leave the picture nor lie over one another.
function lookAtWords(picture, found) {
    const frame = picture.documentElement.getBoundingClientRect();
    const words = [...picture.querySelectorAll('text')].filter(text => text.textContent.trim());
    const boxes = words.map(text => text.getBoundingClientRect());
    words.forEach((text, i) => {
        const box = boxes[i];
        if (box.left < frame.left || box.right > frame.right || box.top < frame.top - 1 ||
            box.bottom > frame.bottom + 1)
            found.push(`cut off: ${text.textContent.trim()}`);
        for (let k = 0; k < i; k++) {
            const across = Math.min(box.right, boxes[k].right) - Math.max(box.left, boxes[k].left);
            const down = Math.min(box.bottom, boxes[k].bottom) - Math.max(box.top, boxes[k].top);
            if (across > 1 && down > 4) // boxes are higher than letters
                found.push(`over one another: ${words[k].textContent.trim()}, ${text.textContent.trim()}`);
        }
    });
    if (words.length === 0)
        found.push('no word in it');
}

addEventListener('load', () => {
    const lines = [];
    const frames = [...document.querySelectorAll('iframe')];
    for (const frame of frames) {
        const found = [];
        const page = frame.contentDocument;
        if (page.documentElement.tagName === 'svg') {
            lookAtWords(page, found);
        } else {
            lookAtWidths(page, found);
            lookAtPictures(page, found);
            lookAtScrolling(page, found);
            lookAtText(page, found);
        }
        for (const one of found)
            lines.push(`${frame.title} at ${frame.width}: ${one}`);
    }
    const report = document.createElement('pre');
    report.textContent = [...lines, `looked at ${frames.length}`].join('\n');
    document.body.replaceChildren(report);
});
